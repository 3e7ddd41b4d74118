// An array that a process shares with the children it forks afterwards. Owned by the parent.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <new>

#include "bench/session.hpp"

namespace cardea::bench {

template <typename T>
class SharedArray final {
 public:
  /// Zero-filled; T must work with all bytes zero. Untouched pages cost nothing.
  explicit SharedArray(std::size_t count) : bytes_(count * sizeof(T)) {
    void* const memory = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE,
                                MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) fail("mmap");
    data_ = static_cast<T*>(memory);
  }
  SharedArray(const SharedArray&) = delete;
  SharedArray& operator=(const SharedArray&) = delete;
  ~SharedArray() { ::munmap(data_, bytes_); }

  T& operator[](std::size_t index) { return data_[index]; }

 private:
  std::size_t bytes_;
  T* data_ = nullptr;
};

}  // namespace cardea::bench
