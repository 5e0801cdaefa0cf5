import { setImmediate as turn } from "node:timers/promises";

async function block1() {
  async function ask(place) {
    if (place === "disk") await turn();
    console.log("asked", place);
    return place;
  }
  // block 1
  console.log(first);
  await turn();
  // Output:
  // asked cache
  // cache
  // asked disk
}
