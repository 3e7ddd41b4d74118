// Whatever names the control groups of a program have, which it may have chosen itself: a kind of
// sandbox, with a name where there is one.
#include "base/assert.hpp"
#include "daemon/auth/sandbox.hpp"
#include "tests/fuzz/input.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cardea::auth;
  cardea::fuzz::Input input(data, size);
  const std::string_view text = cardea::fuzz::Input::text(input.rest());
  const Sandbox sandbox = parse_cgroups(text);
  CARDEA_ASSERT(to_string(sandbox.kind) != nullptr);
  CARDEA_ASSERT((sandbox.kind != SandboxKind::none) || sandbox.app.empty());
  CARDEA_ASSERT(sandbox.app.size() <= text.size());
  return 0;
}
