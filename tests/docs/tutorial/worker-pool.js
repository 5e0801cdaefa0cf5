async function block1() {
  const square = async (n) => n * n;
  // block 1
  console.log(...results.sort((a, b) => a - b));
  // Output:
  // 0 1 4 9 16 25 36 49 64
}
