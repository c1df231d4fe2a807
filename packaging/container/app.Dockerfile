# An image of an app: `docker build -f app.Dockerfile -t registry.example.com/shop:1.2 .` in a folder with its bundle.
FROM terrace:0.1.0
COPY app.terrace /srv/terrace/app.terrace
