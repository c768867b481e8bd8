/**
 * The built-in objects that hold data but no other values. They are told apart by their
 * `Object.prototype.toString` tag, which holds across realms and for subclasses; a copy is always of
 * the built-in class itself and owns its memory.
 */
export type Leaf = Date | ArrayBuffer | ArrayBufferView;

type TypedArrayConstructor = new (from: ArrayBuffer | ArrayBufferView) => ArrayBufferView;

/** By name; Float16Array only where the runtime has it (Node 24). */
const typedArrays: ReadonlyMap<string, TypedArrayConstructor> = new Map(
  [
    'Int8Array',
    'Uint8Array',
    'Uint8ClampedArray',
    'Int16Array',
    'Uint16Array',
    'Int32Array',
    'Uint32Array',
    'Float16Array',
    'Float32Array',
    'Float64Array',
    'BigInt64Array',
    'BigUint64Array',
  ].flatMap((name) => {
    const constructor: unknown = Reflect.get(globalThis, name);
    return typeof constructor === 'function' ? [[name, constructor as TypedArrayConstructor]] : [];
  }),
);

/** `'Date'`, `'Map'`, `'Object'`, … */
export function tagOf(value: object): string {
  return Object.prototype.toString.call(value).slice(8, -1);
}

export function isLeafTag(tag: string): boolean {
  return tag === 'Date' || tag === 'ArrayBuffer' || tag === 'DataView' || typedArrays.has(tag);
}

/** What a leaf is stored as: its tag, but a Buffer is told from the Uint8Array it extends. */
export function leafName(leaf: Leaf): string {
  return Buffer.isBuffer(leaf) ? 'Buffer' : tagOf(leaf);
}

/** The bytes a binary leaf shows, not those of the memory it may be a window on. */
export function bytesOf(leaf: ArrayBuffer | ArrayBufferView): Uint8Array {
  return ArrayBuffer.isView(leaf)
    ? new Uint8Array(leaf.buffer, leaf.byteOffset, leaf.byteLength)
    : new Uint8Array(leaf);
}

export function copyLeaf(leaf: Leaf): Leaf {
  const name = leafName(leaf);
  return name === 'Date'
    ? new Date((leaf as Date).getTime())
    : binaryFrom(name, bytesOf(leaf as ArrayBuffer | ArrayBufferView));
}

/** A binary leaf of that name over a copy of the bytes; throws where the name or their number is not one. */
export function binaryFrom(name: string, bytes: Uint8Array): Leaf {
  if (name === 'Buffer') return Buffer.from(bytes);
  const memory = new Uint8Array(bytes).buffer;
  if (name === 'ArrayBuffer') return memory;
  if (name === 'DataView') return new DataView(memory);
  const constructor = typedArrays.get(name);
  if (constructor === undefined) throw new TypeError('no binary type has that name');
  return new constructor(memory);
}
