import { setImmediate as turn } from "node:timers/promises";

async function say(word) {
  console.log("say", word);
  await turn();
  console.log("said", word);
}

async function block1() {
  // block 1
  // Output:
  // say hello
  // say world
  // said hello
  // said world
}
