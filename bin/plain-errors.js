// Whoever runs a script of bin reads a sentence, not a stack, which DEBUG=1 prints.
process.on('uncaughtException', (error) => {
  console.error(process.env.DEBUG ? error : `error: ${error.message}`);
  process.exitCode = 1;
});
