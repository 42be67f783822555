/** What was asked for, or an error where it does not come within `ms`. Asking itself is not called off. */
export function withTimeout<T>(ms: number, answer: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const tooLong = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`no answer within ${ms} ms`));
    }, ms);
  });
  return Promise.race([answer, tooLong]).finally(() => {
    clearTimeout(timer);
  });
}
