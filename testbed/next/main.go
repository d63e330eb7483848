// next answers, with the code of the release after the one that the control plane is of, what pods count on their nodes.
//
// It reads pods as JSON lines ({"pod": …}) on standard input and writes for each its amounts by name: cpu in thousandths, the
// rest in whole units. The switches stand as that release's scheduler has them by default.
package main

import (
	"bufio"
	"encoding/json"
	"log"
	"os"

	v1 "k8s.io/api/core/v1"
	"k8s.io/component-helpers/resource"
)

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(make([]byte, 1<<20), 1<<28)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	encoder := json.NewEncoder(out)
	for in.Scan() {
		var line struct{ Pod *v1.Pod }
		if err := json.Unmarshal(in.Bytes(), &line); err != nil {
			log.Fatal(err)
		}
		units := map[v1.ResourceName]int64{}
		counted := resource.PodRequests(line.Pod, resource.PodResourcesOptions{
			UseStatusResources: true,
			InPlacePodLevelResourcesVerticalScalingEnabled: true,
		})
		for name, amount := range counted {
			if name == v1.ResourceCPU {
				units[name] = amount.MilliValue()
			} else {
				units[name] = amount.Value()
			}
		}
		_ = encoder.Encode(units)
	}
	if err := in.Err(); err != nil {
		log.Fatal(err)
	}
}
