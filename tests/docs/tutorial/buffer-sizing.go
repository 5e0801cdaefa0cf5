package main

import "fmt"

func query(i int) int { return i * i }

func block1() {
	// block 1
	fmt.Println(first + <-results + <-results)
	// Output:
	// 5
}
