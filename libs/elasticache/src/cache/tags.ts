/** Bytes of a tag at most; it is stored in every entry that bears it. */
const MOST_BYTES = 1_024;
export const MOST_TAGS = 1_000;
/** A surrogate without its other half does not survive UTF-8. */
const ILL_FORMED = /\p{Surrogate}/u;

/** What is wrong with a list of tags, for messages. */
export function tagsFault(tags: unknown): string | undefined {
  if (!Array.isArray(tags)) return 'must be an array of tags';
  if (tags.length > MOST_TAGS) return `must name at most ${MOST_TAGS} tags`;
  const isTag = (tag: unknown) =>
    typeof tag === 'string' &&
    tag !== '' &&
    Buffer.byteLength(tag) <= MOST_BYTES &&
    !ILL_FORMED.test(tag);
  if (tags.every(isTag)) return undefined;
  return `must name tags alone: well-formed texts that are not empty, of at most ${MOST_BYTES} bytes`;
}

/** Both, each tag once; the first list itself where the second adds nothing. */
export function mergedTags(tags: readonly string[], more: readonly string[]): readonly string[] {
  return more.every((tag) => tags.includes(tag)) ? tags : [...new Set([...tags, ...more])];
}
