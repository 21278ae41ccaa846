// For compilers of C++ whose library has no exceptions on wasm32-wasi: what throws one ends the program, as if nothing
// caught it. Programs that only mention them compile.
#include <cstddef>
#include <cstdio>
#include <cstdlib>

#define WEAK __attribute__((weak))

extern "C" {
WEAK void *__cxa_allocate_exception(size_t size) {
    void *exception = malloc(size);
    if (!exception) abort();
    return exception;
}
WEAK void __cxa_free_exception(void *exception) { free(exception); }
WEAK __attribute__((noreturn)) void __cxa_throw(void *, void *, void (*)(void *)) {
    fputs("terminated by an exception\n", stderr);
    abort();
}
WEAK __attribute__((noreturn)) void __cxa_rethrow() { abort(); }
WEAK void *__cxa_begin_catch(void *exception) { return exception; }
WEAK void __cxa_end_catch() {}
}
