async function* from(first) {
  for (let n = first; n < first + 3; n++) yield n;
}

async function block1() {
  const iters = [from(0), from(10)];
  const all = [];
  const use = (n) => all.push(n);
  // block 1
  console.log(...all.sort((a, b) => a - b));
  // Output:
  // 0 1 2 10 11 12
}
