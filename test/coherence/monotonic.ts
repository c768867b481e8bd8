/** Milliseconds on CLOCK_MONOTONIC, which all processes of one machine share. */
export function now(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Answers with `otherwise` if it takes longer. */
export async function within<T, L = undefined>(
  ms: number,
  promise: Promise<T>,
  otherwise?: L,
): Promise<T | L> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<L>((resolve) => {
    timer = setTimeout(() => resolve(otherwise as L), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
