import { setTimeout as sleep } from "node:timers/promises";

async function serve(signal) {
  process.kill(process.pid, "SIGTERM");
  await sleep(60_000, null, { signal }).catch(() => {});
  console.log("told to stop:", signal.aborted);
}

async function finish() {
  console.log("finishing");
}

async function block1() {
  // block 1
  // Output:
  // told to stop: true
  // finishing
}
