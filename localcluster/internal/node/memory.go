package node

import (
	"context"
	"time"

	"modelservice.dev/localcluster/internal/container"
)

// memoryInterval is how often memory is measured; what grows faster than the machine's memory
// within it is not stopped here.
const memoryInterval = 200 * time.Millisecond

// watchMemory kills containers that are over their memory limit. Control groups would do it
// better, but an ordinary user has none.
func (r *processRuntime) watchMemory(ctx context.Context) {
	tick := time.NewTicker(memoryInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		limited := r.limited()
		if len(limited) == 0 {
			continue
		}
		usages := container.Measure()
		for _, p := range limited {
			if overLimit(usages[p.namespace], p.limit) {
				r.mu.Lock()
				p.oomKilled = true
				r.mu.Unlock()
				_ = p.cmd.Process.Kill()
			}
		}
	}
}

func (r *processRuntime) limited() []*process {
	r.mu.Lock()
	defer r.mu.Unlock()
	var found []*process
	for _, p := range r.containers {
		if p.limit > 0 && p.namespace != "" && !p.oomKilled {
			found = append(found, p)
		}
	}
	return found
}

func overLimit(usage container.Usage, limit int64) bool { return usage.Total() > limit }
