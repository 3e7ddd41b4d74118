# Hardening of what is installed. Off under sanitizers, which bring their own checks.
add_library(cardea_hardening INTERFACE)
if(NOT CARDEA_SANITIZE)
  target_compile_options(cardea_hardening INTERFACE
    -fstack-protector-strong
    $<$<CONFIG:Release,RelWithDebInfo>:-D_FORTIFY_SOURCE=2>)
  target_link_options(cardea_hardening INTERFACE -Wl,-z,relro -Wl,-z,now -Wl,--as-needed)
endif()
