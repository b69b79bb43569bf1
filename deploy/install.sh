#!/bin/bash
# In the image's build: what the lock file names, with PyTorch for CUDA or for the CPU alone.
set -euo pipefail
install=(/opt/medloom/.venv/bin/python -m pip install --no-deps --require-hashes)
case "$TORCH" in
cuda) "${install[@]}" -r requirements.lock ;;
cpu)
  : "${TORCH_INDEX:?is the address of the index of CPU wheels, which the page Get Started of PyTorch names}"
  awk '/^[a-z0-9]/ { skip = /^(torch|triton|cuda-[a-z]+|nvidia-[a-z0-9-]+)==/ } !skip' requirements.lock > cpu.lock
  "${install[@]}" -r cpu.lock
  "${install[@]}" --index-url "$TORCH_INDEX" -r torch-cpu.lock
  ;;
*)
  echo "MEDLOOM_TORCH is $TORCH; allowed are cuda and cpu" >&2
  exit 65
  ;;
esac
