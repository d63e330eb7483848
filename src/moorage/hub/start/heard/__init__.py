"""What is heard of a pod that is not ready yet: from the scheduler, the kubelet, autoscalers and queues."""
