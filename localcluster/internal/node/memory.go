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
		if limited := r.limited(); len(limited) > 0 {
			r.killOver(limited, container.Measure())
		}
	}
}

// limited are the containers that run and have a limit.
func (r *processRuntime) limited() []*process {
	r.mu.Lock()
	defer r.mu.Unlock()
	var found []*process
	for _, p := range r.containers {
		if p.limit > 0 && p.namespace != "" && p.runs() {
			found = append(found, p)
		}
	}
	return found
}

func (r *processRuntime) killOver(limited []*process, usages map[string]container.Usage) {
	for _, p := range limited {
		if !overLimit(usages[p.namespace], p.limit) {
			continue
		}
		r.mu.Lock()
		p.oomKilled = true
		r.mu.Unlock()
		_ = p.cmd.Process.Kill()
	}
}

func overLimit(usage container.Usage, limit int64) bool { return usage.Total() > limit }
