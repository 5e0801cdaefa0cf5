package main

import (
	"fmt"
	"slices"
	"sync"
)

func block1() {
	// block 1
	var squares []int
	for square := range results {
		squares = append(squares, square)
	}
	slices.Sort(squares)
	fmt.Println(squares)
	// Output:
	// [0 1 4 9 16 25 36 49 64]
}
