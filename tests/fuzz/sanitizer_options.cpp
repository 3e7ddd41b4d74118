// What the sanitizers of fuzz targets leave out for speed: long stacks of each allocation, and 256
// MiB of freed memory that is kept to notice its use. Findings come with the input that repeats
// them; ASAN_OPTIONS of the environment wins. Read once, before main().

// Names of the sanitizers' interface.
extern "C" const char* __asan_default_options();  // NOLINT(bugprone-reserved-identifier)

extern "C" const char* __asan_default_options() {  // NOLINT(bugprone-reserved-identifier)
  return "malloc_context_size=2:quarantine_size_mb=4";
}
