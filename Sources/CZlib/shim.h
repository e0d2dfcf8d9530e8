#pragma once
#include <zlib.h>

// zlib's initialisers are macros, which Swift does not import.
static inline int flotilla_inflate_init(z_stream *stream) { return inflateInit(stream); }
static inline int flotilla_deflate_init(z_stream *stream, int level) { return deflateInit(stream, level); }
