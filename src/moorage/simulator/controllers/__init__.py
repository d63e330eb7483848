"""What acts on the objects by itself: the scheduler, the kubelets, a keeper for each pod."""
