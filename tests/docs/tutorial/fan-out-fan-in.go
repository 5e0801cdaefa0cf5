package main

import (
	"fmt"
	"slices"
	"sync"
)

func block1() {
	// block 1
	a, b := make(chan int, 3), make(chan int, 3)
	for n := range 3 {
		a <- n
		b <- n + 10
	}
	close(a)
	close(b)
	var all []int
	for n := range merge(a, b) {
		all = append(all, n)
	}
	slices.Sort(all)
	fmt.Println(all)
	// Output:
	// [0 1 2 10 11 12]
}
