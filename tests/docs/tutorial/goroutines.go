package main

import (
	"fmt"
	"slices"
)

func block1() {
	said := make(chan string, 2)
	say := func(word string) { said <- word }
	// block 1
	words := []string{<-said, <-said}
	slices.Sort(words)
	fmt.Println(words)
	// Output:
	// [hello world]
}
