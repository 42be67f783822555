/** Returns a promise that settles like `answer`, or rejects after `ms` milliseconds. The work continues. */
export function withTimeout<T>(ms: number, answer: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const tooLong = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`no response within ${ms} ms`));
    }, ms);
  });
  return Promise.race([answer, tooLong]).finally(() => {
    clearTimeout(timer);
  });
}
