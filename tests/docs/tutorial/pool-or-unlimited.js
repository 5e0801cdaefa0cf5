import { setImmediate as turn } from "node:timers/promises";

async function block1() {
  const tasks = Array(200).fill("task");
  const running = []; // at the start of each request
  let now = 0;
  async function request() {
    running.push(++now);
    await turn();
    now--;
  }
  // block 1
  console.log(Math.max(...running.slice(0, 200)));
  console.log(Math.max(...running.slice(200)), running.length);
  // Output:
  // 200
  // 20 400
}
