import zlib from 'node:zlib';
import type { CompressionOptions } from './serializer.js';

export type CompressionAlgorithm = NonNullable<CompressionOptions['algorithm']>;

/** Bytes from which a value is compressed, where the options do not say. */
export const DEFAULT_THRESHOLD = 1024;

/** Node 22.15 and later; the types of Node 20 do not know them. */
interface Zstd {
  readonly zstdCompress?: Compress;
  readonly zstdDecompress?: Decompress;
}

type Done = (error: Error | null, result: Buffer) => void;
type Compress = (bytes: Uint8Array, done: Done) => void;
type Decompress = (bytes: Uint8Array, options: { maxOutputLength: number }, done: Done) => void;

const { zstdCompress = unsupported, zstdDecompress = unsupported } = zlib as Zstd;

/** Whether this runtime can compress with zstd. */
export function supportsZstd(): boolean {
  return zstdCompress !== unsupported;
}

function unsupported(): never {
  throw new Error('zstd needs Node 22.15 or later');
}

// Brotli's own default, 11, takes a hundred times as long as 4 for a tenth less.
const brotliOptions = { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 4 } };

const compressors: Readonly<Record<CompressionAlgorithm, Compress>> = {
  gzip: zlib.gzip,
  brotli: (bytes, done) => zlib.brotliCompress(bytes, brotliOptions, done),
  zstd: zstdCompress,
};

const decompressors: Readonly<Record<CompressionAlgorithm, Decompress>> = {
  gzip: zlib.gunzip,
  brotli: zlib.brotliDecompress,
  zstd: zstdDecompress,
};

export function compress(algorithm: CompressionAlgorithm, bytes: Uint8Array): Promise<Buffer> {
  return settled((done) => compressors[algorithm](bytes, done));
}

/** Rejects where the bytes are not of that algorithm, or unpack to more: a few kilobytes can claim gigabytes. */
export function decompress(
  algorithm: CompressionAlgorithm,
  bytes: Uint8Array,
  maxOutputLength: number,
): Promise<Buffer> {
  return settled((done) => decompressors[algorithm](bytes, { maxOutputLength }, done));
}

function settled(start: (done: Done) => void): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    start((error, result) => (error ? reject(error) : resolve(result)));
  });
}
