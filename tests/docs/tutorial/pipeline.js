async function block1() {
  // block 1
}
