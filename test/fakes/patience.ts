/**
 * How long, in milliseconds, tests wait for what joinery promises within a second: a machine that runs everything at once is slower than
 * the promise. The promise itself is measured alone, by `npm run test:scale`.
 */
export const PROMPT_MS = 10_000;
