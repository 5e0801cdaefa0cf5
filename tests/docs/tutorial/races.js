import { setImmediate as turn } from "node:timers/promises";

async function block1() {
  const counts = new Map([["a", 0]]);
  async function load(key) {
    await turn();
    return counts.get(key);
  }
  async function store(key, n) {
    await turn();
    counts.set(key, n);
  }
  // block 1
  await Promise.all(Array.from({ length: 100 }, () => inc("a")));
  console.log(counts.get("a"));
}

async function block2() {
  const prices = { tea: 2.5 };
  // block 2
  console.log(price, prices);
  // Output:
  // 2.5 { tea: 2.75 }
}

function block3() {
  // block 3
}
