// oracle answers, with the scheduler's own code, which nodes a pod fits on.
//
// It reads cases as JSON lines (the shape of fit.jsonl: nodes, pods, volumes, devices, budgets, ask) on standard input, or with
// -requests pods ({"pod": …}), and writes one answer for each on standard output. With -evictions an answer also says what
// could be evicted on each node that refuses the pod, but not for good. All feature gates stand at their defaults.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"sort"
	"time"

	v1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	resourcev1 "k8s.io/api/resource/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/apimachinery/pkg/util/sets"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/tools/cache"
	"k8s.io/dynamic-resource-allocation/deviceclass/extendedresourcecache"
	"k8s.io/dynamic-resource-allocation/resourceslice/tracker"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	schedulerapi "k8s.io/kubernetes/pkg/scheduler/apis/config"
	"k8s.io/kubernetes/pkg/scheduler/apis/config/latest"
	internalcache "k8s.io/kubernetes/pkg/scheduler/backend/cache"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/defaultpreemption"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/dynamicresources"
	plfeature "k8s.io/kubernetes/pkg/scheduler/framework/plugins/feature"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/nodevolumelimits"
	frameworkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"
	"k8s.io/kubernetes/pkg/scheduler/metrics"
	"k8s.io/kubernetes/pkg/scheduler/util/assumecache"
)

type cluster struct {
	Nodes             []*v1.Node                      `json:"nodes"`
	Pods              []*v1.Pod                       `json:"pods"`
	Claims            []*v1.PersistentVolumeClaim     `json:"persistentvolumeclaims"`
	Volumes           []*v1.PersistentVolume          `json:"persistentvolumes"`
	Classes           []*storagev1.StorageClass       `json:"storageclasses"`
	CSINodes          []*storagev1.CSINode            `json:"csinodes"`
	Namespaces        []*v1.Namespace                 `json:"namespaces"`
	VolumeAttachments []*storagev1.VolumeAttachment   `json:"volumeattachments"`
	ResourceSlices    []*resourcev1.ResourceSlice     `json:"resourceslices"`
	ResourceClaims    []*resourcev1.ResourceClaim     `json:"resourceclaims"`
	DeviceClasses     []*resourcev1.DeviceClass       `json:"deviceclasses"`
	Budgets           []*policyv1.PodDisruptionBudget `json:"poddisruptionbudgets"`
	Ask               *v1.Pod                         `json:"ask"`
}

type verdict struct {
	Fits         bool     `json:"fits"`
	Plugin       string   `json:"plugin,omitempty"`
	Reasons      []string `json:"reasons,omitempty"`
	Unresolvable bool     `json:"unresolvable,omitempty"`
}

type prefilter struct {
	Plugin       string   `json:"plugin"`
	Reasons      []string `json:"reasons"`
	Unresolvable bool     `json:"unresolvable"`
}

type eviction struct {
	Victims    []string `json:"victims,omitempty"`
	Violations int      `json:"pdb_violations,omitempty"`
	Reasons    []string `json:"reasons,omitempty"`
}

type answer struct {
	Prefilter   *prefilter          `json:"prefilter"`
	Verdicts    map[string]verdict  `json:"verdicts"`
	NotEligible string              `json:"not_eligible,omitempty"`
	Evictions   map[string]eviction `json:"evictions,omitempty"`
	Error       string              `json:"error,omitempty"`
}

// nominator holds the nominated pods of a case; nothing is ever added or taken away.
type nominator map[string][]fwk.PodInfo

func (n nominator) AddNominatedPod(klog.Logger, fwk.PodInfo, *fwk.NominatingInfo) {}
func (n nominator) DeleteNominatedPodIfExists(*v1.Pod)                            {}
func (n nominator) UpdateNominatedPod(klog.Logger, *v1.Pod, fwk.PodInfo)          {}
func (n nominator) NominatedPodsForNode(name string) []fwk.PodInfo {
	out := make([]fwk.PodInfo, 0, len(n[name]))
	for _, p := range n[name] {
		out = append(out, p.(*framework.PodInfo).DeepCopy())
	}
	return out
}

func reasons(s *fwk.Status) []string {
	out := append([]string{}, s.Reasons()...)
	sort.Strings(out)
	return out
}

// evictions asks the scheduler's own preemption about every node that refuses the pod but not for good, also where the
// scheduler itself would stop at enough candidates.
func evictions(ctx context.Context, f framework.Framework, profile *schedulerapi.KubeSchedulerProfile, state fwk.CycleState, nodes []fwk.NodeInfo, statuses *framework.NodeToStatus, c *cluster, a *answer) error {
	var args runtime.Object
	for _, plugin := range profile.PluginConfig {
		if plugin.Name == defaultpreemption.Name {
			args = plugin.Args
		}
	}
	preemption, err := defaultpreemption.New(ctx, args, f, plfeature.NewSchedulerFeaturesFromGates(utilfeature.DefaultFeatureGate))
	if err != nil {
		return err
	}
	if eligible, why := preemption.PodEligibleToPreemptOthers(ctx, c.Ask, statuses.Get(c.Ask.Status.NominatedNodeName)); !eligible {
		a.NotEligible = why
		return nil
	}
	a.Evictions = map[string]eviction{}
	for _, info := range nodes {
		name := info.Node().Name
		if status := statuses.Get(name); status.Code() != fwk.Unschedulable {
			continue
		}
		victims, violations, status := preemption.SelectVictimsOnNode(ctx, state.Clone(), c.Ask, info.Snapshot(), c.Budgets)
		if !status.IsSuccess() {
			if !status.IsRejected() {
				return status.AsError()
			}
			a.Evictions[name] = eviction{Reasons: reasons(status)}
			continue
		}
		found := eviction{Violations: violations}
		for _, victim := range victims {
			found.Victims = append(found.Victims, victim.Namespace+"/"+victim.Name)
		}
		a.Evictions[name] = found
	}
	return nil
}

func judge(ctx context.Context, profile *schedulerapi.KubeSchedulerProfile, c *cluster, withEvictions bool) (a answer) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer func() {
		if broken := recover(); broken != nil {
			a.Error = fmt.Sprint("panic: ", broken)
		}
	}()
	a.Verdicts = map[string]verdict{}
	objects := []runtime.Object{}
	for _, o := range c.Claims {
		objects = append(objects, o)
	}
	for _, o := range c.Volumes {
		objects = append(objects, o)
	}
	for _, o := range c.Classes {
		objects = append(objects, o)
	}
	for _, o := range c.CSINodes {
		objects = append(objects, o)
	}
	for _, o := range c.Namespaces {
		objects = append(objects, o)
	}
	for _, o := range c.VolumeAttachments {
		objects = append(objects, o)
	}
	for _, o := range c.ResourceSlices {
		objects = append(objects, o)
	}
	for _, o := range c.ResourceClaims {
		objects = append(objects, o)
	}
	for _, o := range c.DeviceClasses {
		objects = append(objects, o)
	}
	for _, o := range c.Nodes {
		objects = append(objects, o)
	}
	client := fake.NewClientset(objects...)
	factory := informers.NewSharedInformerFactory(client, 0)

	known := sets.New[string]()
	for _, n := range c.Nodes {
		known.Insert(n.Name)
	}
	bound, nominated := []*v1.Pod{}, nominator{}
	for _, p := range c.Pods {
		if p.Status.Phase == v1.PodSucceeded || p.Status.Phase == v1.PodFailed {
			continue
		}
		if p.Spec.NodeName != "" {
			// The scheduler's cache leaves nodes that it has not seen out of its snapshots, with their pods.
			if known.Has(p.Spec.NodeName) {
				bound = append(bound, p)
			}
		} else if n := p.Status.NominatedNodeName; n != "" {
			info, err := framework.NewPodInfo(p)
			if err != nil {
				a.Error = err.Error()
				return a
			}
			nominated[n] = append(nominated[n], info)
		}
	}
	snapshot := internalcache.NewSnapshot(bound, c.Nodes)
	claims := assumecache.NewAssumeCache(klog.FromContext(ctx), factory.Resource().V1().ResourceClaims().Informer(), "ResourceClaim", "", nil)
	slices, err := tracker.StartTracker(ctx, tracker.Options{SliceInformer: factory.Resource().V1().ResourceSlices(), KubeClient: client})
	if err != nil {
		a.Error = err.Error()
		return a
	}
	devices := dynamicresources.NewDRAManager(ctx, claims, slices, factory)
	// As the scheduler does: names of resources are looked up in a cache that follows the classes.
	names := devices.DeviceClassResolver().(*extendedresourcecache.ExtendedResourceCache)
	followed, err := factory.Resource().V1().DeviceClasses().Informer().AddEventHandler(names)
	if err != nil {
		a.Error = err.Error()
		return a
	}
	f, err := frameworkruntime.NewFramework(ctx, plugins.NewInTreeRegistry(), profile,
		frameworkruntime.WithClientSet(client),
		frameworkruntime.WithInformerFactory(factory),
		frameworkruntime.WithSnapshotSharedLister(snapshot),
		frameworkruntime.WithSharedCSIManager(nodevolumelimits.NewCSIManager(factory.Storage().V1().CSINodes().Lister())),
		frameworkruntime.WithPodNominator(nominated),
		frameworkruntime.WithSharedDRAManager(devices),
	)
	if err != nil {
		a.Error = err.Error()
		return a
	}
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	held := claims.AddEventHandler(cache.ResourceEventHandlerFuncs{})
	for !followed.HasSynced() || !held.HasSynced() {
		time.Sleep(100 * time.Microsecond)
	}

	for _, p := range f.PreEnqueuePlugins() {
		if s := p.PreEnqueue(ctx, c.Ask); !s.IsSuccess() {
			a.Prefilter = &prefilter{p.Name(), reasons(s), s.Code() == fwk.UnschedulableAndUnresolvable}
			return a
		}
	}
	state := framework.NewCycleState()
	result, s, unscheduled := f.RunPreFilterPlugins(ctx, state, c.Ask)
	if !s.IsSuccess() {
		if !s.IsRejected() {
			a.Error = s.AsError().Error()
			return a
		}
		a.Prefilter = &prefilter{s.Plugin(), reasons(s), s.Code() == fwk.UnschedulableAndUnresolvable}
		return a
	}
	all, _ := snapshot.NodeInfos().List()
	statuses := framework.NewDefaultNodeToStatus()
	for _, info := range all {
		name := info.Node().Name
		if !result.AllNodes() && !result.NodeNames.Has(name) {
			plugin := ""
			if names := sets.List(unscheduled); len(names) > 0 {
				plugin = names[0]
			}
			a.Verdicts[name] = verdict{Plugin: plugin, Reasons: []string{fmt.Sprintf("node(s) didn't satisfy plugin(s) %v", sets.List(unscheduled))}, Unresolvable: true}
			continue
		}
		s := f.RunFilterPluginsWithNominatedPods(ctx, state, c.Ask, info)
		switch {
		case s.IsSuccess():
			a.Verdicts[name] = verdict{Fits: true}
			statuses.Set(name, s)
		case s.IsRejected():
			a.Verdicts[name] = verdict{Plugin: s.Plugin(), Reasons: reasons(s), Unresolvable: s.Code() == fwk.UnschedulableAndUnresolvable}
			statuses.Set(name, s)
		default:
			a.Error = s.AsError().Error()
		}
	}
	if withEvictions && a.Error == "" {
		if err := evictions(ctx, f, profile, state, all, statuses, c, &a); err != nil {
			a.Error = err.Error()
		}
	}
	return a
}

func requests(line []byte) any {
	var in struct{ Pod *v1.Pod }
	if err := json.Unmarshal(line, &in); err != nil {
		return map[string]string{"error": err.Error()}
	}
	in.Pod.Spec.NodeName = "node"
	node := framework.NewNodeInfo(in.Pod)
	r := node.GetRequested().(*framework.Resource)
	scalars := map[string]int64{}
	for name, units := range r.ScalarResources {
		if units != 0 {
			scalars[string(name)] = units
		}
	}
	return map[string]any{"cpu_milli": r.MilliCPU, "memory": r.Memory, "ephemeral_storage": r.EphemeralStorage, "scalars": scalars}
}

func main() {
	asRequests := flag.Bool("requests", false, "answer effective requests instead of verdicts")
	withEvictions := flag.Bool("evictions", false, "answer also what could be evicted")
	flag.Parse()
	klog.SetOutput(os.Stderr)
	klog.LogToStderr(false)
	utilruntime.ReallyCrash = false
	metrics.Register()
	config, err := latest.Default()
	if err != nil {
		log.Fatal(err)
	}
	profile := config.Profiles[0]
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(make([]byte, 1<<20), 1<<28)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	for in.Scan() {
		if *asRequests {
			_ = encoder.Encode(requests(in.Bytes()))
			continue
		}
		var c cluster
		if err := json.Unmarshal(in.Bytes(), &c); err != nil {
			_ = encoder.Encode(answer{Error: err.Error()})
			continue
		}
		_ = encoder.Encode(judge(context.Background(), &profile, &c, *withEvictions))
	}
	if err := in.Err(); err != nil {
		log.Fatal(err)
	}
}
