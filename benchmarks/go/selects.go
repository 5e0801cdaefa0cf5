package main

import "time"

// selectReady: one goroutine sends on one of `size` channels and selects over all of them, n times.
func selectReady(n, size int) float64 {
	chans, take := arms(size, 1)
	begin := time.Now()
	for i := range n {
		chans[i%size] <- i
		take()
	}
	return time.Since(begin).Seconds()
}

// selectParked: one goroutine sends n values on `size` unbuffered channels in turn, another selects
// over them.
func selectParked(n, size int) float64 {
	chans, take := arms(size, 0)
	return together(func() {
		for range n {
			take()
		}
	}, func() {
		for i := range n {
			chans[i%size] <- i
		}
	})
}

// arms makes the channels, and a function that selects over all of them.
func arms(size, capacity int) ([]chan int, func() int) {
	chans := make([]chan int, size)
	for i := range chans {
		chans[i] = make(chan int, capacity)
	}
	switch size {
	case 2:
		a, b := chans[0], chans[1]
		return chans, func() int {
			select {
			case v := <-a:
				return v
			case v := <-b:
				return v
			}
		}
	case 16:
		c := [16]chan int(chans)
		return chans, func() int {
			select {
			case v := <-c[0]:
				return v
			case v := <-c[1]:
				return v
			case v := <-c[2]:
				return v
			case v := <-c[3]:
				return v
			case v := <-c[4]:
				return v
			case v := <-c[5]:
				return v
			case v := <-c[6]:
				return v
			case v := <-c[7]:
				return v
			case v := <-c[8]:
				return v
			case v := <-c[9]:
				return v
			case v := <-c[10]:
				return v
			case v := <-c[11]:
				return v
			case v := <-c[12]:
				return v
			case v := <-c[13]:
				return v
			case v := <-c[14]:
				return v
			case v := <-c[15]:
				return v
			}
		}
	}
	fail("select has 2 or 16 arms")
	return nil, nil
}
