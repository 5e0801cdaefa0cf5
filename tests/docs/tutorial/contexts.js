import { createServer } from "node:http";
import { once } from "node:events";

async function block1() {
  const silent = createServer(() => {}).listen(0, "127.0.0.1");
  await once(silent, "listening");
  const url = `http://127.0.0.1:${silent.address().port}/`;
  // block 1
  silent.close();
  // Output:
  // TimeoutError
}

function block2() {
  // block 2
}

function block3() {
  // block 3
  // Output:
  // true
}
