/** The TypeScript blocks of a Markdown page, for the tests that hold the documentation to its word. */
import { readFileSync } from 'node:fs';

export interface Snippet {
  /** Line of the page that the code's first line is on. */
  readonly line: number;
  /** The name of a first line `// file: name.ts`: files of one page may import each other. */
  readonly file: string | undefined;
  /** What follows the language after the opening fence. */
  readonly info: string;
  readonly code: string;
}

const BLOCK = /^( *)```(?:ts|typescript)\b([^\n]*)\n([\s\S]*?)^\1```/gm;
const FILE = /^\/\/ file: (\S+\.ts)$/m;

export function snippetsIn(page: string): Snippet[] {
  const text = readFileSync(page, 'utf8');
  return [...text.matchAll(BLOCK)].map(({ index, 2: info = '', 3: code = '' }) => ({
    line: text.slice(0, index).split('\n').length + 1,
    file: FILE.exec(code.split('\n', 1)[0] ?? '')?.[1],
    info: info.trim(),
    code,
  }));
}
