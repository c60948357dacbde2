/** The person who takes part in a drill. Every question throws ERR_USAGE_NO_TERMINAL without one, and ERR_INTERRUPTED when it is left. */
export interface Interviewer {
  /** One of the choices, by its value. */
  choose(question: string, choices: readonly { readonly value: string; readonly name: string }[]): Promise<string>;
  /** A line of text, which may be empty. */
  text(question: string): Promise<string>;
  say(line: string): Promise<void>;
}
