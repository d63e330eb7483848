// fakegpu is a device plugin without devices: it offers the names on its command line to the kubelet as nvidia.com/gpu.
// A name turns Unhealthy while a file of that name stands in the folder given by -sick.
package main

import (
	"context"
	"flag"
	"log"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	api "k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1"
)

const (
	socketName = "fakegpu.sock"
	// How often the folder of sick devices is looked at; well under the kubelet's own status period.
	lookEvery = 100 * time.Millisecond
)

type plugin struct {
	api.UnimplementedDevicePluginServer
	devices []string
	sick    string
}

func (p *plugin) health(device string) string {
	if _, err := os.Stat(filepath.Join(p.sick, device)); err == nil {
		return api.Unhealthy
	}
	return api.Healthy
}

func (p *plugin) now() *api.ListAndWatchResponse {
	all := make([]*api.Device, 0, len(p.devices))
	for _, device := range p.devices {
		all = append(all, &api.Device{ID: device, Health: p.health(device)})
	}
	return &api.ListAndWatchResponse{Devices: all}
}

func (p *plugin) GetDevicePluginOptions(context.Context, *api.Empty) (*api.DevicePluginOptions, error) {
	return &api.DevicePluginOptions{}, nil
}

// ListAndWatch sends the devices at once, and again whenever the health of one has changed.
func (p *plugin) ListAndWatch(_ *api.Empty, stream api.DevicePlugin_ListAndWatchServer) error {
	ticks := time.NewTicker(lookEvery)
	defer ticks.Stop()
	for sent := ""; ; {
		if now := p.now(); now.String() != sent {
			if err := stream.Send(now); err != nil {
				return err
			}
			sent = now.String()
		}
		select {
		case <-stream.Context().Done():
			return nil
		case <-ticks.C:
		}
	}
}

func (p *plugin) Allocate(_ context.Context, request *api.AllocateRequest) (*api.AllocateResponse, error) {
	response := &api.AllocateResponse{}
	for _, container := range request.ContainerRequests {
		response.ContainerResponses = append(response.ContainerResponses, &api.ContainerAllocateResponse{
			Envs: map[string]string{"NVIDIA_VISIBLE_DEVICES": strings.Join(container.DevicesIds, ",")},
		})
	}
	return response, nil
}

func serve(folder string, p *plugin) error {
	socket := filepath.Join(folder, socketName)
	if err := os.Remove(socket); err != nil && !os.IsNotExist(err) {
		return err
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	server := grpc.NewServer()
	api.RegisterDevicePluginServer(server, p)
	go func() { log.Fatal(server.Serve(listener)) }()
	return nil
}

func register(folder, resource string) error {
	kubelet := "unix://" + filepath.Join(folder, "kubelet.sock")
	connection, err := grpc.NewClient(kubelet, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer connection.Close()
	_, err = api.NewRegistrationClient(connection).Register(context.Background(),
		&api.RegisterRequest{Version: api.Version, Endpoint: socketName, ResourceName: resource})
	return err
}

func main() {
	folder := flag.String("dir", "/var/lib/kubelet/device-plugins", "the kubelet's folder of device plugins")
	sick := flag.String("sick", "sick", "folder in which a file named like a device makes it Unhealthy")
	resource := flag.String("resource", "nvidia.com/gpu", "the resource that the kubelet offers")
	flag.Parse()
	if err := serve(*folder, &plugin{devices: flag.Args(), sick: *sick}); err != nil {
		log.Fatal(err)
	}
	if err := register(*folder, *resource); err != nil {
		log.Fatal(err)
	}
	log.Print("registered ", *resource)
	select {}
}
