/** Lines of logs that features write, counted here since one feature knows nothing of another. */
export const logLines = { written: 0, dropped: 0 };
