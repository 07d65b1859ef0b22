// The one script: sends the form of continue.html on. Without it, the button does.
document.forms[0].requestSubmit();
