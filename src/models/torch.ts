/**
 * The bytes that PyTorch saves for a backward pass, per image of 3 × 224 × 224: the unique storages that
 * autograd packs in forward and cross entropy, without parameters and buffers, in float32, training mode and
 * batch 1. Measured with torch 1.13 and torchvision 0.14 through torch.autograd.graph.saved_tensors_hooks.
 */
export const torchSavedBytes: Readonly<Record<string, number>> = {
  alexnet: 3745196,
  vgg16: 73359276,
  vgg16_bn: 127583148,
  resnet18: 22222252,
  resnet50: 86125996,
  efficientnet_b0: 88617008,
};
