// Browsers start no worker from a file: the search of an offline site runs in a hidden frame instead.
"use strict";
if (window.location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(address) {
      super();
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      document.body.appendChild(this.frame);
      const inside = this.frame.contentWindow;
      this.ready = new Promise((resolve) => {
        inside.parentWorker = { ready: resolve };
        inside.document.open();
        inside.document.write(
          `<!doctype html><body><script>
            self.postMessage = (data) => parentWorker.receive(data);
            self.importScripts = (...addresses) => addresses.reduce((before, address) => before.then(() =>
              new Promise((loaded, failed) => {
                const script = document.createElement("script");
                script.src = address; script.onload = loaded; script.onerror = failed;
                document.body.appendChild(script);
              })), Promise.resolve());
          <\/script><script src="${address}" onload="parentWorker.ready()"><\/script></body>`,
        );
        inside.document.close();
      });
      inside.parentWorker.receive = (data) => {
        const event = new MessageEvent("message", { data });
        this.dispatchEvent(event);
        if (this.onmessage) this.onmessage(event);
      };
    }
    postMessage(data) {
      this.ready.then(() => this.frame.contentWindow.dispatchEvent(new MessageEvent("message", { data })));
    }
    terminate() {
      this.frame.remove();
    }
  };
}
