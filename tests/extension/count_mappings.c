/* Preloaded, it counts what a program maps, as profilers of memory do: in the place of the C
   library's functions. Read as mapped_bytes through ctypes. */
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

size_t mapped_bytes;

void *
mmap(void *address, size_t bytes, int protection, int flags, int fd, off_t offset)
{
    mapped_bytes += bytes;
    return (void *)syscall(SYS_mmap, address, bytes, protection, flags, fd, offset);
}

void *
mmap64(void *address, size_t bytes, int protection, int flags, int fd, off_t offset)
{
    return mmap(address, bytes, protection, flags, fd, offset);
}
