// CUDA C on a processor: one block after another, the threads of a block as coroutines that wait
// for each other where CUDA's threads do.
#include <math.h>
#include <string.h>
#include <ucontext.h>

#include <vector>

#define __global__
#define __device__
#define __shared__ static

struct double2 { double x, y; };
struct float2 { float x, y; };
struct Dim { unsigned int x, y, z; };
static Dim gridDim, blockDim, blockIdx, threadIdx;

namespace shim {
struct Thread {
  ucontext_t context;
  bool done = false;
  int barriers = 0, warp_barriers = 0;
};
static const size_t STACK = 65536;
static char* const stacks = new char[1024 * STACK];  // of which the system gives what is touched
static std::vector<Thread> threads;
static ucontext_t main_context;
static int now;
static unsigned long long slots[1024];
static void (*body)(void**);
static void** arguments;

static void wait() { swapcontext(&threads[now].context, &main_context); }

// Whether every living thread from first to last has come to its barrier of this number.
static bool all(int first, int last, int number, int Thread::*count) {
  for (int t = first; t < last; ++t)
    if (!threads[t].done && threads[t].*count < number) return false;
  return true;
}
static void meet(int first, int last, int Thread::*count) {
  const int number = ++(threads[now].*count);
  while (!all(first, last, number, count)) wait();
}
static void meet_warp() {
  const int first = now / 32 * 32;
  meet(first, first + 32, &Thread::warp_barriers);
}
static void run() { body(arguments); threads[now].done = true; wait(); }

static void block_of(int n, bool together) {
  if (!together) {
    for (now = 0; now < n; ++now) {
      threadIdx = {now % blockDim.x, now / blockDim.x, 0};
      body(arguments);
    }
    return;
  }
  threads.assign(n, Thread());
  for (int t = 0; t < n; ++t) {
    ucontext_t& context = threads[t].context;
    getcontext(&context);
    context.uc_stack.ss_sp = stacks + t * STACK;
    context.uc_stack.ss_size = STACK;
    context.uc_link = nullptr;
    makecontext(&context, run, 0);
  }
  for (bool alive = true; alive;) {
    alive = false;
    for (now = 0; now < n; ++now) {
      if (threads[now].done) continue;
      alive = true;
      threadIdx = {now % blockDim.x, now / blockDim.x, 0};
      swapcontext(&main_context, &threads[now].context);
    }
  }
}
static void launch(void (*kernel)(void**), void** args, const unsigned int* size, bool together) {
  body = kernel, arguments = args;
  gridDim = {size[0], size[1], 1}, blockDim = {size[2], size[3], 1};
  for (unsigned int y = 0; y < gridDim.y; ++y)
    for (unsigned int x = 0; x < gridDim.x; ++x) {
      blockIdx = {x, y, 0};
      block_of(blockDim.x * blockDim.y, together);
    }
}
template <class T> static T exchanged(T x, int from) {
  memcpy(&slots[now], &x, sizeof x);
  meet_warp();
  T found;
  memcpy(&found, &slots[from / 32 == now / 32 ? from : now], sizeof x);
  meet_warp();
  return found;
}
}  // namespace shim

static inline void __syncthreads() { shim::meet(0, shim::threads.size(), &shim::Thread::barriers); }
template <class T> static T __shfl_down_sync(unsigned int, T x, int step) {
  return shim::exchanged(x, shim::now + step);
}
template <class T> static T __shfl_sync(unsigned int, T x, int lane) {
  return shim::exchanged(x, shim::now / 32 * 32 + lane);
}
static inline unsigned long long atomicCAS(
    unsigned long long* at, unsigned long long old, unsigned long long x) {
  const unsigned long long found = *at;
  if (found == old) *at = x;
  return found;
}
