package main

import (
	"fmt"
	"sync"
	"sync/atomic"
)

func block1() {
	// block 1
	c := Counter{n: map[string]int{}}
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() { c.Inc("a") })
	}
	wg.Wait()
	fmt.Println(c.n["a"])
}

func block2() {
	prices := map[string]float64{"tea": 2.5}
	// block 2
	fmt.Println(price, prices)
	// Output:
	// 2.5 map[tea:2.75]
}

func block3() {
	// block 3
}
