#include "drivers/handler_file.hpp"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <set>
#include <string_view>
#include <system_error>
#include <vector>

#include "base/unique_fd.hpp"

namespace cardea {
namespace {

// For both versions; IfdLibrary::bind() decides when the daemon runs.
constexpr std::array<std::string_view, 8> kRequiredFunctions{
    "IFDHCreateChannel", "IFDHCloseChannel", "IFDHGetCapabilities", "IFDHSetCapabilities",
    "IFDHTransmitToICC", "IFDHPowerICC",     "IFDHICCPresence",     "IFDHControl"};

/// Reads pieces of an ELF file of this program's class; each read is checked against the file.
class ElfFile {
 public:
  explicit ElfFile(const std::string& path)
      : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {}

  [[nodiscard]] bool is_open() const { return static_cast<bool>(fd_); }

  /// `count` items from `offset`; false if there are not so many or more than `count_max`.
  template <typename T>
  bool read(std::vector<T>& items, std::uint64_t offset, std::uint64_t count,
            std::uint64_t count_max) const {
    if (count > count_max || offset > static_cast<std::uint64_t>(INT64_MAX)) return false;
    items.resize(count);
    const std::size_t bytes = count * sizeof(T);
    std::size_t filled = 0;
    while (filled < bytes) {
      const ssize_t got = ::pread(fd_.get(), reinterpret_cast<char*>(items.data()) + filled,
                                  bytes - filled, static_cast<off_t>(offset + filled));
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return false;
      filled += static_cast<std::size_t>(got);
    }
    return true;
  }

  bool read_header(ElfW(Ehdr) & header) const {
    std::vector<ElfW(Ehdr)> headers;
    if (!read(headers, 0, 1, 1)) return false;
    header = headers.front();
    return std::memcmp(header.e_ident, ELFMAG, SELFMAG) == 0;
  }

 private:
  UniqueFd fd_;
};

bool is_for_this_machine(const ElfW(Ehdr) & header) {
  ElfW(Ehdr) own{};
  if (!ElfFile("/proc/self/exe").read_header(own)) return true;  // nothing to compare with
  return header.e_ident[EI_CLASS] == own.e_ident[EI_CLASS] &&
         header.e_ident[EI_DATA] == own.e_ident[EI_DATA] && header.e_machine == own.e_machine;
}

/// Names of the functions and objects the file exports; false if its tables cannot be read.
bool read_exports(const ElfFile& file, const ElfW(Ehdr) & header, std::set<std::string>& names) {
  std::vector<ElfW(Shdr)> sections;
  if (header.e_shentsize != sizeof(ElfW(Shdr)) ||
      !file.read(sections, header.e_shoff, header.e_shnum, UINT16_MAX)) {
    return false;
  }
  const auto dynamic = std::find_if(sections.begin(), sections.end(),
                                    [](const auto& s) { return s.sh_type == SHT_DYNSYM; });
  if (dynamic == sections.end() || dynamic->sh_link >= sections.size()) return false;
  const ElfW(Shdr)& text_section = sections[dynamic->sh_link];
  std::vector<ElfW(Sym)> symbols;
  std::vector<char> text;
  if (!file.read(symbols, dynamic->sh_offset, dynamic->sh_size / sizeof(ElfW(Sym)),
                 kHandlerSymbolsMax) ||
      !file.read(text, text_section.sh_offset, text_section.sh_size, kHandlerSymbolTextBytesMax)) {
    return false;
  }
  text.push_back('\0');
  for (const ElfW(Sym) & symbol : symbols) {
    if (symbol.st_shndx != SHN_UNDEF && symbol.st_name < text.size()) {
      names.insert(text.data() + symbol.st_name);
    }
  }
  return true;
}

std::string missing_functions(const std::set<std::string>& exports) {
  const auto has = [&exports](std::string_view name) {
    return exports.count(std::string(name)) != 0 || exports.count("_" + std::string(name)) != 0;
  };
  if (!has("IFDHCreateChannel") && !has("IFDHCreateChannelByName")) {
    return "it is not an IFD handler; name the driver's own .so file";
  }
  std::string missing;
  for (const std::string_view name : kRequiredFunctions) {
    if (!has(name)) missing += (missing.empty() ? "" : ", ") + std::string(name);
  }
  return missing.empty() ? "" : "it lacks " + missing + "; install a complete driver";
}

}  // namespace

std::string handler_file_problem(const std::string& path) {
  const ElfFile file(path);
  if (!file.is_open()) return "it cannot be read: " + std::generic_category().message(errno);
  ElfW(Ehdr) header{};
  if (!file.read_header(header) || header.e_type != ET_DYN) {
    return "it is not a shared library; name the driver's .so file";
  }
  if (!is_for_this_machine(header)) {
    return "it is built for another kind of machine; install the driver for this one";
  }
  std::set<std::string> exports;
  // A file without section headers may still load; nothing can be said about it here.
  if (!read_exports(file, header, exports)) return {};
  return missing_functions(exports);
}

}  // namespace cardea
