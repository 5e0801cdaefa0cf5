import { setImmediate as turn } from "node:timers/promises";

async function block1() {
  let asked = 0;
  const source = { pull: (stream) => stream.enqueue(asked++) };
  // block 1
  for (let i = 0; i < 10; i++) await turn();
  console.log("asked for", asked);
  // Output:
  // asked for 3
}
