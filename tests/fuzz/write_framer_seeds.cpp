// Writes seeds for framer_fuzz into a directory: for every dialect each request it has, whole, cut
// short and with a wrong size, and one stream of them all. Usage: write_framer_seeds DIRECTORY
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "protocol/commands.hpp"
#include "protocol/dialect.hpp"
#include "protocol/wire.hpp"

namespace {

using namespace cardea::wire;

constexpr std::uint32_t kCommandsEnd = 0x18;
constexpr std::uint32_t kPayloadBytes = 5;

template <typename Struct>
void append(std::string& bytes, const Struct& value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
}

/// A request that the framer accepts.
std::string request(Command command, std::uint32_t body_size) {
  std::string bytes;
  append(bytes, Header{body_size, static_cast<std::uint32_t>(command)});
  if (command == Command::transmit) {
    Transmit body{};
    body.send_bytes = kPayloadBytes;
    append(bytes, body);
    bytes.append(kPayloadBytes, 'T');
  } else if (command == Command::control) {
    Control body{};
    body.send_bytes = kPayloadBytes;
    append(bytes, body);
    bytes.append(kPayloadBytes, 'C');
  } else {
    bytes.append(body_size, '\0');
  }
  return bytes;
}

bool write_seed(const std::string& path, std::int32_t minor, const std::string& stream) {
  std::ofstream file(path, std::ios::binary);
  file.put(static_cast<char>(minor - kMinorOldest));
  file << stream;
  file.close();
  return file.good();
}

bool write_dialect(const std::string& directory, const Dialect& dialect) {
  std::string all;
  bool good = true;
  for (std::uint32_t number = 0; number < kCommandsEnd; ++number) {
    const auto command = static_cast<Command>(number);
    const auto size = body_bytes(dialect, command);
    if (!size) continue;
    const std::string whole = request(command, *size);
    const std::string path =
        directory + "/4." + std::to_string(dialect.minor) + "-" + std::to_string(number);
    all += whole;
    good = good && write_seed(path, dialect.minor, whole) &&
           write_seed(path + "-cut", dialect.minor, whole.substr(0, whole.size() - 1)) &&
           write_seed(path + "-size", dialect.minor, request(command, *size + 1));
  }
  const std::string path = directory + "/4." + std::to_string(dialect.minor) + "-all";
  return good && write_seed(path, dialect.minor, all);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: write_framer_seeds DIRECTORY\n");
    return 2;
  }
  for (std::int32_t minor = kMinorOldest; minor <= kMinorNewest; ++minor) {
    if (!write_dialect(argv[1], *find_dialect(kMajor, minor))) {
      std::fprintf(stderr, "write_framer_seeds: cannot write to %s\n", argv[1]);
      return 1;
    }
  }
  return 0;
}
