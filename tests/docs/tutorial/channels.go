package main

import "fmt"

func block1() {
	// block 1
}

func block2() {
	// block 2
	ch := make(chan int)
	go count(ch)
	fmt.Println(total(ch))
}

func block3() {
	// block 3
}
