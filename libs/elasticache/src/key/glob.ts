import { encodeKey, encodePart, encodeSegment, type Key } from './key.encoding.js';

/** What may stand in ``glob`…${here}…` ``: one part of a key. */
export type GlobValue = string | number | bigint | boolean | Date;

/**
 * A pattern over encoded keys: `*` is any run of characters, `:` included, `?` any one character.
 * Made by {@link glob}, so that a wildcard is always the author's and never the caller's. Of a key
 * over 512 bytes it sees the shortened form.
 */
export class Glob {
  /** One a character: `*`, `?`, or the character itself, after a backslash where Redis would read more into it. */
  readonly #tokens: readonly string[];

  /**
   * The text of the only key that can match, where there is no wildcard: take it to remove that
   * entry, without a scan and however long it is.
   */
  readonly exact: string | undefined;

  private constructor(pattern: string) {
    this.#tokens = pattern.match(/\\?./gs) ?? [];
    const isExact = !this.#tokens.some((token) => token === '*' || token === '?');
    this.exact = isExact ? this.#tokens.map((token) => token.at(-1)).join('') : undefined;
  }

  /** Matches that one key. */
  static literal(key: Key, where: string): Glob {
    return new Glob(escape(encodeKey(key, where)));
  }

  /** @internal The work of the tag. */
  static compile(literals: readonly string[], values: readonly GlobValue[]): Glob {
    const [start = '', ...rest] = literals.map((literal) => literal.replace(/[[\]\\^]/g, '\\$&'));
    const tails = values.map((_, i) => escape(interpolated(literals, values, i)) + rest[i]);
    return new Glob(start + tails.join(''));
  }

  /**
   * For SCAN MATCH. There `?` is one byte, not one character, so this pattern takes one or more:
   * {@link matches} says which of the keys found are meant.
   */
  get redisPattern(): string {
    return this.#tokens.map((token) => (token === '?' ? '?*' : token)).join('');
  }

  /** Whether an encoded key matches. On a mismatch only the last `*` grows: no backtracking into earlier ones. */
  matches(text: string): boolean {
    const tokens = this.#tokens;
    let token = 0;
    let at = 0;
    let star = -1;
    let starEnd = 0;
    while (at < text.length) {
      const expected = tokens[token];
      if (expected === '*') {
        star = token++;
        starEnd = at;
        if (token === tokens.length) return true;
      } else if (expected === '?') {
        token++;
        at += text.codePointAt(at)! > 0xffff ? 2 : 1;
      } else if (expected?.endsWith(text[at]!)) {
        token++;
        at++;
      } else if (star >= 0) {
        token = star + 1;
        at = ++starEnd;
      } else {
        return false;
      }
    }
    while (tokens[token] === '*') token++;
    return token === tokens.length;
  }
}

/**
 * A pattern of keys to evict. What is written matches the encoded key, with `*` and `?` as
 * wildcards; what is interpolated is encoded as a part of a key and has none.
 *
 * @example
 * await articles.evictMatching(glob`user:${name}:*`); // get(['user', name, …]), whatever the name holds
 */
export function glob(literals: TemplateStringsArray, ...values: readonly GlobValue[]): Glob {
  return Glob.compile(literals, values);
}

/** The pattern of a constant option, by the rules of {@link glob}. */
export function globOf(constant: string): Glob {
  return Glob.compile([constant], []);
}

function escape(text: string): string {
  return text.replace(/[*?[\]\\^]/g, '\\$&');
}

/**
 * A string that reads as another type is marked where it fills a part of a tuple (`user:${'7'}:*`)
 * or a property of an object (`[?id=${'7'}:*`), as it is in the key. Within a longer text
 * (`user-${'7'}`) the key has no mark either, save for what any text starting so would bear
 * (`${'@ann'}-*`).
 */
function interpolated(
  literals: readonly string[],
  values: readonly GlobValue[],
  i: number,
): string {
  const [before, value, after] = [literals[i]!, values[i], literals[i + 1]!];
  const starts =
    before === '' ? i === 0 : /[:[]$/.test(before) || isProperty(literals.slice(0, i + 1));
  const ends = after === '' ? i === values.length - 1 : /^[:\]]/.test(after);
  const isUnmarked = typeof value === 'string' && !(starts && (ends || /^[@']/.test(value)));
  return isUnmarked ? encodeSegment(value) : encodePart(value, 'glob`…`');
}

/** Whether what follows is the value of a property: after its name, in an object that is not closed. */
function isProperty(literals: readonly string[]): boolean {
  let open = literals.join('');
  for (let all = ''; open !== all; open = open.replaceAll(/\[[^[\]]*\]/g, '')) all = open;
  return /\[\?(?:[^[]*:)?[^[:=]*=$/.test(open);
}
