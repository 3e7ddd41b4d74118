// Writes the seeds of a file of hexadecimal lines into a directory, one file each, so that binary
// corpora can be read and reviewed. A line is "NAME: 3B 80 ..."; "*N" repeats the byte before it
// to N in all; '#' begins a comment. Usage: write_hex_seeds FILE DIRECTORY
#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>

namespace {

/// Bytes of the words of a line; false: something else stands there.
bool read_bytes(std::istringstream& words, std::string& bytes) {
  for (std::string word; words >> word;) {
    if (word.front() == '#') return true;
    std::size_t used = 0;
    const bool repeats = word.front() == '*';
    const std::string digits = repeats ? word.substr(1) : word;
    if (digits.find_first_not_of("0123456789ABCDEFabcdef") != std::string::npos) return false;
    if (digits.empty() || (repeats && bytes.empty())) return false;
    const unsigned long value = std::stoul(digits, &used, repeats ? 10 : 16);
    if (repeats) {
      bytes.append(value - 1, bytes.back());
    } else {
      if (digits.size() != 2) return false;
      bytes += static_cast<char>(value);
    }
  }
  return true;
}

bool write_seeds(std::ifstream& file, const std::string& directory) {
  unsigned number = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    if (line.empty() || line.front() == '#') continue;
    const std::size_t colon = line.find(':');
    std::string bytes;
    std::istringstream words(colon == std::string::npos ? "?" : line.substr(colon + 1));
    if (!read_bytes(words, bytes)) {
      std::fprintf(stderr, "write_hex_seeds: line %u is not NAME: and bytes\n", number);
      return false;
    }
    std::ofstream seed(directory + "/" + line.substr(0, colon), std::ios::binary);
    seed << bytes;
    seed.close();
    if (!seed.good()) return false;
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: write_hex_seeds FILE DIRECTORY\n");
    return 2;
  }
  std::ifstream file(argv[1]);
  if (!file.is_open() || !write_seeds(file, argv[2])) {
    std::fprintf(stderr, "write_hex_seeds: cannot make seeds of %s in %s\n", argv[1], argv[2]);
    return 1;
  }
  return 0;
}
