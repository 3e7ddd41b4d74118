# Warnings both compilers agree on; -Werror only in the developer presets, so that a newer
# compiler's new warning never breaks somebody's package build.
add_library(cardea_warnings INTERFACE)
target_compile_options(cardea_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wcast-qual -Wformat=2 -Wundef
  # g++ 12 sees overlaps and overruns in std::string that are not there (its bug 105651).
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict -Wno-array-bounds -Wno-stringop-overflow>
  $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor -Woverloaded-virtual -Wold-style-cast>
  $<$<CXX_COMPILER_ID:Clang>:-Wthread-safety -Wno-gnu-zero-variadic-macro-arguments>)
if(CARDEA_WERROR)
  target_compile_options(cardea_warnings INTERFACE -Werror)
endif()
