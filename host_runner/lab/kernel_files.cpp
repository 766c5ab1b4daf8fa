// SPDX-License-Identifier: GPL-2.0-only
// Finding a kernel's image and modules.
#include "host_runner/lab/kernel_files.hpp"

#include "host_runner/lab/kernel_image.hpp"

#include <algorithm>
#include <fstream>
#include <map>
#include <set>

namespace vmrunit::runner {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view wanted_module = "kvm_amd";

/// All module files below some folders, and the names in their lists of built-in modules.
class ModuleFinder {
public:
    explicit ModuleFinder(const ModulePlaces& places) {
        for (const auto& folder : places.folders) {
            look_into(folder);
        }
        for (const auto& list : places.lists) {
            read_list(list);
        }
    }

    /// Appends the module and, before it, what it depends on.
    Result<void> add(const std::string& name, KernelFiles& files) {
        if (!done_.insert(name).second) {
            return {};
        }
        const auto found = modules_.find(name);
        if (found == modules_.end()) {
            if (!built_in_.contains(name)) {
                return misuse("no module " + name);
            }
            return {};
        }
        auto module = read_kernel_module(found->second);
        if (!module) {
            return tl::unexpected(module.error());
        }
        if (module->release != files.release) {
            return misuse("module " + found->second.string() + " is for Linux " + module->release +
                              ", the image is " + files.release,
                          "install the modules of this very build");
        }
        for (const auto& other : module->depends) {
            if (auto added = add(other, files); !added) {
                return misuse(added.error().what + ", which " + name + " needs",
                              added.error().cure);
            }
        }
        files.modules.push_back(std::move(*module));
        return {};
    }

    [[nodiscard]] std::vector<std::string> built_in() const {
        return {built_in_.begin(), built_in_.end()};
    }

private:
    void look_into(const fs::path& folder) {
        std::error_code error;
        constexpr auto options = fs::directory_options::skip_permission_denied;
        for (fs::recursive_directory_iterator it{folder, options, error}, end; !error && it != end;
             it.increment(error)) {
            if (auto name = module_name_of_file(it->path()); !name.empty()) {
                modules_.emplace(std::move(name), it->path());
            }
        }
    }

    /// One path to a line: kernel/arch/x86/kvm/kvm.ko
    void read_list(const fs::path& file) {
        std::ifstream stream{file};
        for (std::string line; std::getline(stream, line);) {
            built_in_.insert(module_name_of_file(line));
        }
    }

    std::map<std::string, fs::path> modules_; ///< The first found of a name counts.
    std::set<std::string> built_in_;
    std::set<std::string> done_;
};

bool is_file(const fs::path& path) {
    std::error_code error;
    return fs::is_regular_file(path, error);
}

bool is_folder(const fs::path& path) {
    std::error_code error;
    return fs::is_directory(path, error);
}

/// The first in the alphabet of the files in `folder` whose name begins with `front`.
fs::path first_file(const fs::path& folder, std::string_view front) {
    std::set<fs::path> files;
    std::error_code error;
    for (fs::directory_iterator it{folder, error}, end; !error && it != end; it.increment(error)) {
        if (it->path().filename().string().starts_with(front) && is_file(it->path())) {
            files.insert(it->path());
        }
    }
    return files.empty() ? fs::path{} : *files.begin();
}

/// Where in a tree that was built, or in an unpacked package, the image is.
fs::path image_in(const fs::path& folder) {
    for (const auto* place :
         {"arch/x86/boot/bzImage", "arch/x86_64/boot/bzImage", "bzImage", "vmlinuz"}) {
        if (is_file(folder / place)) {
            return folder / place;
        }
    }
    if (auto image = first_file(folder / "boot", "vmlinuz"); !image.empty()) {
        return image;
    }
    for (const auto* place : {"usr/lib/modules", "lib/modules"}) {
        std::error_code error;
        for (fs::directory_iterator it{folder / place, error}, end; !error && it != end;
             it.increment(error)) {
            if (is_file(it->path() / "vmlinuz")) {
                return it->path() / "vmlinuz";
            }
        }
    }
    return {};
}

/// Where the modules of an image may be: in the tree it was built in, beside it, or where
/// distributions install them. Earlier places win.
ModulePlaces module_places(const fs::path& image, const std::string& release) {
    const auto folder = image.parent_path();
    ModulePlaces places;
    const auto add = [&](const fs::path& root) {
        for (const auto* place : {"lib/modules", "usr/lib/modules"}) {
            places.folders.push_back(root / place / release);
            places.lists.push_back(root / place / release / "modules.builtin");
        }
    };
    if (folder.filename() == "boot" &&
        folder.parent_path().filename().string().starts_with("x86")) {
        // Not the whole tree: it has 80,000 files.
        const auto tree = folder.parent_path().parent_path().parent_path();
        for (const auto* place : {"arch/x86/kvm", "virt", "drivers/crypto/ccp"}) {
            places.folders.push_back(tree / place);
        }
        places.lists.push_back(tree / "modules.builtin");
    }
    if (folder.filename() == release) {
        places.folders.push_back(folder);
        places.lists.push_back(folder / "modules.builtin");
    }
    add(folder);
    add(folder.parent_path());
    add("/");
    return places;
}

} // namespace

Result<KernelFiles> load_kernel_files(fs::path image, const ModulePlaces& places) {
    auto release = release_of_image(image);
    if (!release) {
        return tl::unexpected(release.error());
    }
    KernelFiles files;
    files.release = std::move(*release);
    files.origin = image.string();
    files.image = std::move(image);
    ModuleFinder finder{places};
    if (auto added = finder.add(std::string{wanted_module}, files); !added) {
        const auto cure = "build the kernel with CONFIG_KVM_AMD=m or =y and let its modules lie "
                          "beside it (lib/modules/" +
                          files.release + ")";
        return misuse(files.origin + " (Linux " + files.release + "): " + added.error().what,
                      added.error().cure.empty() ? cure : added.error().cure);
    }
    files.built_in = finder.built_in();
    return files;
}

Result<KernelFiles> find_kernel_files(const fs::path& path) {
    std::error_code error;
    auto image = fs::absolute(path, error).lexically_normal();
    if (!fs::exists(image, error)) {
        return misuse("there is no kernel " + path.string(),
                      "name a bzImage, a folder that holds one, or a kernel tree that was built");
    }
    if (is_folder(image)) {
        const auto folder = image;
        image = image_in(folder);
        if (image.empty()) {
            return misuse("there is no kernel image in " + folder.string(),
                          "a tree must have been built: make bzImage modules");
        }
    }
    const auto release = release_of_image(image);
    if (!release) {
        return tl::unexpected(release.error());
    }
    return load_kernel_files(image, module_places(image, *release));
}

} // namespace vmrunit::runner
