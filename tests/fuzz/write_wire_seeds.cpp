// Writes seeds for wire_fuzz into a directory: conversations as libraries have them, one for every
// dialect and circumstance, and for every dialect all its requests in a row.
// Usage: write_wire_seeds DIRECTORY
#include <cstdio>
#include <fstream>
#include <string>

#include "tests/fuzz/wire/requests.hpp"

namespace {

using namespace cardea::fuzz;
using namespace cardea::wire;

constexpr unsigned kCircumstances = 32;  ///< of byte 0, beside the dialect

std::string version(std::int32_t minor) {
  return request(Command::version, Version{kMajor, minor, 0});
}

/// A card is used in a transaction.
std::string exchange() {
  std::string apdus;
  for (int i = 0; i < 2; ++i) apdus += transmit_request(2, kProtocolT1, {"\0\xA4\4\0\0", 5}, 258);
  return request(Command::establish_context, Establish{2, 0, 0}) +
         connect_request(1, kReaderName, 2, 3) + request(Command::begin_transaction, Begin{2, 0}) +
         apdus + request(Command::status, Status{2, 0}) +
         request(Command::end_transaction, End{2, 1, 0}) +
         request(Command::disconnect, cardea::wire::Disconnect{2, 1, 0}) +
         request(Command::release_context, Release{1, 0});
}

/// Somebody waits for cards, gives up and asks again.
std::string waiting(const Dialect& dialect, Dice& dice) {
  std::string stream = request(Command::establish_context, Establish{2, 0, 0});
  const std::string wait = any_request(dialect, Command::wait_reader_state_change, dice);
  const std::string stop = any_request(dialect, Command::stop_waiting_reader_state_change, dice);
  const std::string size = any_request(dialect, Command::get_readers_state_size, dice);
  const std::string array = any_request(dialect, Command::get_readers_state_array, dice);
  const std::string fixed = request(Command::get_readers_state);
  return stream + fixed + wait + size + array + stop + wait + fixed +
         request(Command::cancel, Cancel{1, 0}) + stop;
}

std::string everything(const Dialect& dialect, Dice& dice) {
  std::string stream = request(Command::establish_context, Establish{2, 0, 0}) +
                       connect_request(1, kReaderName, 2, 3);
  for (std::uint32_t number = 0; number < kCommandsEnd; ++number) {
    if (number != static_cast<std::uint32_t>(Command::version)) {
      stream += any_request(dialect, static_cast<Command>(number), dice);
    }
  }
  return stream;
}

bool write_seed(const std::string& path, unsigned circumstances, const std::string& stream) {
  std::ofstream file(path, std::ios::binary);
  file.put(static_cast<char>(circumstances)).put('\x2A');
  file << stream;
  file.close();
  return file.good();
}

bool write_dialect(const std::string& directory, const Dialect& dialect, Dice& dice) {
  const auto version_bits = static_cast<unsigned>(dialect.minor - kMinorOldest);
  const std::string path = directory + "/4." + std::to_string(dialect.minor) + "-";
  bool good = write_seed(path + "version", 4, version(dialect.minor) + exchange()) &&
              write_seed(path + "waiting", version_bits, waiting(dialect, dice)) &&
              write_seed(path + "restless", version_bits | 0x20U, waiting(dialect, dice)) &&
              write_seed(path + "everything", version_bits, everything(dialect, dice));
  for (unsigned i = 0; i < kCircumstances; ++i) {
    good = good &&
           write_seed(path + "exchange-" + std::to_string(i), i << 3U | version_bits, exchange());
  }
  return good;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: write_wire_seeds DIRECTORY\n");
    return 2;
  }
  Dice dice(1);
  bool good = write_seed(std::string(argv[1]) + "/refused", 4, version(2) + exchange());
  for (std::int32_t minor = kMinorOldest; minor <= kMinorNewest; ++minor) {
    good = good && write_dialect(argv[1], *find_dialect(kMajor, minor), dice);
  }
  if (!good) std::fprintf(stderr, "write_wire_seeds: cannot write to %s\n", argv[1]);
  return good ? 0 : 1;
}
