# Sanitizers and coverage, switched by the presets.
add_library(cardea_sanitizers INTERFACE)
if(CARDEA_SANITIZE)
  target_compile_options(cardea_sanitizers INTERFACE
    -fsanitize=${CARDEA_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(cardea_sanitizers INTERFACE -fsanitize=${CARDEA_SANITIZE})
  # What g++ 12 then says of std::regex and others is wrong (GCC bug 105562).
  target_compile_options(cardea_sanitizers INTERFACE
    $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
endif()
if(CARDEA_FUZZ)
  # libFuzzer needs to see the edges of everything it drives.
  target_compile_options(cardea_sanitizers INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(CARDEA_COVERAGE)
  target_compile_options(cardea_sanitizers INTERFACE --coverage -fprofile-update=atomic)
  target_link_options(cardea_sanitizers INTERFACE --coverage)
endif()
