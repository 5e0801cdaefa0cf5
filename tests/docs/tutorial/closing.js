async function block1() {
  // block 1
  // Output:
  // 1
  // 2
  // { value: undefined, done: true }
}
